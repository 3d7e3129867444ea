"""Tests of the gateway: no network, no model, no Rasa but a scripted one."""
