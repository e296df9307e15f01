unit named
