#!/bin/sh
[ "$1" = --list ] || exit 9
echo '{"web":{"hosts":["w1","w2"],"vars":{"x":"{{ 1+1 }}","n":5,"f":1.5},"children":["sub"]},"sub":{"hosts":["s1"]},"flat":["w3"],"solo":{"k":"v"},"all":{"vars":{"a":true}},"_meta":{"hostvars":{"w1":{"y":[1,{"z":null}]},"other":{"q":1}}}}'
