"""The command line `dwnet`: one file a subcommand."""
