DEBIAN_FRONTEND=noninteractive pam-auth-update --package --remove unix
