"""How fast, how steady, how right: measurements that a person runs on recordings of their own."""
