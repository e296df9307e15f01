#!/bin/sh
echo "$A $B"
