unit mcstrans
