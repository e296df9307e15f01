systemctl disable --now dailyaidecheck.timer
