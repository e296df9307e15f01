//! Changes and runs as one script that stops at the first failure.
