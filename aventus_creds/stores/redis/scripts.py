"""What Redis runs in one step: the script that replaces an entry."""

from typing import Final

SAVE: Final = """
local stamp = redis.call('getrange', KEYS[1], 0, string.len(ARGV[1]) - 1)
if stamp == ARGV[1] then
    return 1
end
if stamp ~= '' and stamp ~= ARGV[2] then
    return 0
end
if ARGV[4] == '' then
    redis.call('set', KEYS[1], ARGV[3])
else
    redis.call('set', KEYS[1], ARGV[3], 'px', ARGV[4])
end
redis.call('xadd', KEYS[2], 'maxlen', 1, '*', 'saved', '')
redis.call('pexpire', KEYS[2], ARGV[5])
return 1
"""
"""Replace the entry, if it still begins with the second argument. The first one is how the new entry begins.

If there is no entry, the old one has expired or Redis has lost it. Then nothing newer can be overwritten,
because a deletion leaves a mark. If the new entry is already there, an earlier try wrote it and its answer
was lost.
"""
