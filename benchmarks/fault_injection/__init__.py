"""Faults injected into the real steps on real servers, and what must hold all the while."""
