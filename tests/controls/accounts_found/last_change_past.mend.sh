chage -d "$(date +%F)" early
