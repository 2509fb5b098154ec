"""What applications talk to over HTTP: profiles, models, events in, scores as they change.

    routes/   one file a path: what comes in, what goes out
    services  profile_reading, model_quality, ingest, subscriptions, access
    storage   key_file, and the rooms below: profile_store, streams

Everything is put together in `context.Context`; nothing here is a module global.
"""
