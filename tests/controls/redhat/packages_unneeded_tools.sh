unit tuned
