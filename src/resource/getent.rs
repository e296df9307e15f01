//! Name service databases, through `getent` or the files themselves.
