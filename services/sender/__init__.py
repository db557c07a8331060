"""The sender: accepts send requests (`mail.send`) and delivers them through Graph and Gmail. Publishes `delivery.*` results.

Accepting stores and answers; delivering works off the stored sends, within quotas and the providers' limits. It never sends one
request twice, and never repeats a call whose outcome is unknown without looking. docs/adr/0008-sending.md is the picture.
"""
