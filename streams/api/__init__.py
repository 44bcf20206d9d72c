"""The verification API: providers ask about senders and accounts before they send. HTTP over the local replica."""
