"""How fast this machine trains and draws, beside what it can do at most."""
