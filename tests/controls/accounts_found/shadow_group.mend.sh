gpasswd -d games shadow
