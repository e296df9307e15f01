unit cups
