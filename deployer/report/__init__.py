"""What happened, in words for people and as a document for programs; pure.

`text` gives what people read as rich renderables, `document` what programs read as plain values.
"""
