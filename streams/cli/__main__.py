"""`python -m streams.cli`: the command line where no script is installed."""

from streams.cli.main import main

main()
