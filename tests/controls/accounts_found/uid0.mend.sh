userdel -f toor
