"""The command line: ``greaterbay COMMAND``. Each command is a module; ``main`` names them."""
