"""The five processes: configuration, replicas, loops and agents wired together. Commands and the demo start them."""
