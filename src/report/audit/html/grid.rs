//! Every host by every section: where to look first, at a glance.

use std::fmt::Write as _;

use crate::hardening::Report;
use crate::hardening::result::{HostReport, Score};

use super::super::human::counts;
use super::super::view::Section;
use super::{esc, page};

/// The class of a score's colour. The number stands beside it, so that nobody needs to see colours.
pub(super) fn heat(score: Score) -> &'static str {
    if score.judged() == 0 {
        return "hx";
    }
    page::heat(score.percent())
}

pub(super) fn write(page: &mut String, report: &Report, sections: &[Section]) {
    page.push_str("<section id=\"fleet\">\n<h2>Fleet</h2>\n<div class=\"scroll\"><table class=\"grid\">\n<thead><tr>");
    page.push_str("<th scope=\"col\">Host</th><th scope=\"col\">All</th>");
    for (at, section) in sections.iter().enumerate() {
        let (number, title) = match section.title.is_empty() {
            true => (String::new(), &section.number),
            false => (format!("{} ", esc(&section.number)), &section.title),
        };
        let _ = write!(
            page,
            "<th scope=\"col\"><a href=\"#controls\" data-section=\"{at}\"><span>{number}</span>{}</a></th>",
            esc(title)
        );
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    if report.hosts.len() > 1 {
        fleet(page, report, sections);
    }
    let mut hosts: Vec<(usize, &HostReport)> = report.hosts.iter().enumerate().collect();
    hosts.sort_by_key(|(_, h)| (h.lost.is_none(), h.score.percent(), h.host.clone()));
    for (at, host) in hosts {
        let lost = if host.lost.is_some() {
            " class=\"lost\""
        } else {
            ""
        };
        let _ = write!(
            page,
            "<tr{lost}><th scope=\"row\"><a href=\"#controls\" data-host=\"{at}\">{}</a></th>",
            esc(&host.host)
        );
        match &host.lost {
            Some(why) if host.score.good() + host.score.fail == 0 => {
                let _ = write!(
                    page,
                    "<td colspan=\"{}\" title=\"{}\">not reached</td>",
                    sections.len() + 1,
                    esc(why)
                );
            }
            _ => {
                cell(page, host.score);
                for section in sections {
                    cell(page, section.score(host));
                }
            }
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table></div>\n</section>\n");
}

fn fleet(page: &mut String, report: &Report, sections: &[Section]) {
    page.push_str("<tr class=\"all\"><th scope=\"row\">All hosts</th>");
    cell(page, report.score());
    for section in sections {
        let mut all = Score::default();
        for host in &report.hosts {
            for finding in section
                .controls
                .iter()
                .filter_map(|at| host.findings.get(*at))
            {
                all.add(finding.verdict);
            }
        }
        cell(page, all);
    }
    page.push_str("</tr>\n");
}

fn cell(page: &mut String, score: Score) {
    let class = heat(score);
    let text = match score.judged() {
        0 => "–".to_owned(),
        _ => format!("{}%", score.percent()),
    };
    let _ = write!(
        page,
        "<td class=\"{class}\" title=\"{}\">{text}</td>",
        esc(&counts(score))
    );
}
