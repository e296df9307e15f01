unit smbd
