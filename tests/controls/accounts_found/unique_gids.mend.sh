groupmod -g 5601 second
