package prelink
