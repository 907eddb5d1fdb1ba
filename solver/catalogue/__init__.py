"""What libraries offer: read from their files as written (`read`), chosen by name (`choose`), shown
as text (`text`) or data (`document`)."""
