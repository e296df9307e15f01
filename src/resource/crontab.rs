//! A user's crontab, as text.
