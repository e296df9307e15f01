useradd --system palisade-test-warn
sed -i "s/^palisade-test-warn:.*/palisade-test-warn:!:20000::::::/" /etc/shadow
