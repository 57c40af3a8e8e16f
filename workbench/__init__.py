"""The workbench: offline work on recordings, for the command line, REST and the page alike. It knows no HTTP."""
