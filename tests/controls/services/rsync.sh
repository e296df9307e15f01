unit rsync
