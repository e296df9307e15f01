usermod -u 5801 other
