#!/bin/sh
# Says so when the application does not answer.
curl -fsS --max-time 5 http://127.0.0.1:8080/health >/dev/null || logger -t health "the application does not answer"
