"""The floor: a byte pump with epoll (src/floor_epoll.c), plain port only."""
import os
BINARY, NOTES, ONLY, FLOOR = "floor_epoll", "Byte pump, no HTTP; a limit, not a peer.", {"plain"}, True

def find(ctx):
    return ctx.tool("floor_epoll")

def start(ctx):
    return [find(ctx), str(ctx.plain)] + [str(p) for p in ctx.upstreams]
