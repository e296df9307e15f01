package talkd
