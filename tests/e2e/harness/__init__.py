"""Starts the real server and drives it with real clients. No part of Hearth is replaced."""
