"""The simulator: pretends to be Microsoft Entra, Microsoft Graph mail, Google's token endpoint and the Gmail API.

It reads HTTP(S) requests of real clients, keeps mailboxes in memory and answers with the providers' own shapes,
limits and errors. A control API under `/_control` plants mail, forces errors and shows what happened.
It publishes nothing, touches no database and is never started in production.
"""
