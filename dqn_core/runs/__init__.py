"""Many runs as a service: started, steered, logged and looked at by any number of viewers.

    RunManager ──starts──> RunThread (one a run) ──events──> RunRecorder ──┬──> RunStore (SQLite)
         │                     ^                                           └──> LiveFeed (memory)
         └──commands───────────┘ mailbox

A RunView joins what the store and the feed know into one history, which a viewer reads from a cursor of its own.
"""
