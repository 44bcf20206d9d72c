"""Files in, decisions out: backtest, explain, verify; no broker."""
