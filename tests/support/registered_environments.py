"""Registers the fake environments where it is imported: as a package does that brings environments of its own."""

from __future__ import annotations

import fake_environments

fake_environments.register()
