"""The simulator on the wire: servers, certificates, routes of both providers and the control API."""
