groupmod -g 5501 zero
