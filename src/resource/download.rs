//! Fetching a URL on the host: programs around curl, wget or busybox.
