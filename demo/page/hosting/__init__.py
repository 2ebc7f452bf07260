"""How the page is put where others reach it: its socket, proxies before it, its link, its orderly end."""
