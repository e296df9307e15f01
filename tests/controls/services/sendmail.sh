unit sendmail
