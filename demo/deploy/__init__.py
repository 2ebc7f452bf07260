"""Ways to put the page on other machines: a Space on a hub, a container, and the files a deployer asks for."""
