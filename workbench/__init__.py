"""Offline work on recordings: who speaks in them, how, and what lies between them. Knows no HTTP."""
