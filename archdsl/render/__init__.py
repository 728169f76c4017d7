"""Diagnostics as text for people, as JSON for programs, as SARIF for code hosts."""
